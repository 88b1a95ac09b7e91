/** What bi/superset/start.sh calls, standing in for it: each tells the command line it got, and how its work went. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const TELL = '#!/bin/sh\necho "$(basename "$0") $*" | tee -a "$COMMANDS" >&2\n'

const COMMANDS: Readonly<Record<string, string>> = {
  uv: `${TELL}mkdir -p "$SUPERSET_HOME/driver"\n`,
  superset: `${TELL}[ "$1" != "$SUPERSET_FAILS" ]\n`,
  gunicorn: TELL,
  python: `${TELL}PYTHONDONTWRITEBYTECODE=1 exec python3 "$@"\n`,
}

const APP = `import hashlib
import os
import runpy
import sys
from contextlib import contextmanager

import superset


def tell(what, secret):
    print(what, hashlib.sha256(secret.encode()).hexdigest())


class Users:
    auth_role_admin = "Admin"

    def find_user(self, name):
        return None

    def find_role(self, name):
        return name

    def add_user(self, *words):
        tell("password", words[-1])
        if os.environ["SUPERSET_FAILS"] == "password":
            raise ValueError("the password is no good")
        return words[0]


class App:
    @contextmanager
    def app_context(self):
        superset.security_manager = Users()
        yield


def create_app():
    tell("key", runpy.run_path(os.environ["SUPERSET_CONFIG_PATH"])["SECRET_KEY"])
    return App()
`

const MODULES: Readonly<Record<string, string>> = {
  'yaml.py': 'def safe_load(text):\n    return {"type": text}\n\n\nsafe_dump = repr\n',
  'superset/__init__.py': '',
  'superset/app.py': APP,
  'superset/commands/importers/v1/assets.py':
    'class ImportAssetsCommand:\n    def __init__(self, contents):\n        pass\n\n    def run(self):\n        pass\n',
  'superset/utils/core.py': 'from contextlib import nullcontext as override_user\n',
}

const ROOT = join(import.meta.dir, '..')

export interface Started {
  exitCode: number
  /** To either. */
  said: string
  /** The command lines that it gave. */
  commands: string
}

/** Runs start.sh among them in a folder, with `home` below it. `fails`: a command of Superset's, or `password`. */
export async function startSuperset(
  folder: string,
  { fails = '', ...secrets }: { fails?: string } & Readonly<Record<string, string>>,
): Promise<Started> {
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [name, text] of Object.entries(COMMANDS)) {
    put(`bin/${name}`, text)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  for (const [name, text] of Object.entries(MODULES)) put(`modules/${name}`, text)
  mkdirSync(join(folder, 'home'), { recursive: true })
  const log = join(folder, 'commands.log')
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    PYTHONPATH: join(folder, 'modules'),
    COMMANDS: log,
    SUPERSET_FAILS: fails,
    SUPERSET_HOME: join(folder, 'home'),
    SUPERSET_CONFIG_PATH: join(ROOT, 'bi/superset/superset_config.py'),
    ...secrets,
  }
  const child = Bun.spawn(['bash', join(ROOT, 'bi/superset/start.sh')], { env, stdout: 'pipe', stderr: 'pipe' })
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { exitCode: await child.exited, said: said.join(''), commands: readFileSync(log, 'utf8') }
}
