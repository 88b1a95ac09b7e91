#!/usr/bin/env bun
/** Renews the generated files: dashboards, alerts, rules. */
import { join } from 'node:path'

import { outputs } from './src/outputs.ts'

for (const [path, text] of outputs()) await Bun.write(join(import.meta.dir, path), text)
