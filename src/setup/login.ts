import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { StockpipeError } from '../errors.ts'

export interface Login {
  username: string
  password: string
}

const LEAST_LENGTH = 8

/** A folder with the files `username` and `password`, as Kubernetes mounts a Secret. Throws `config`. */
export function readLogin(folder: string): Login {
  const username = readOne(folder, 'username')
  const password = readOne(folder, 'password')
  if (password.length < LEAST_LENGTH)
    throw new StockpipeError('config', `the password in ${folder} is too short`, {
      why: `at least ${LEAST_LENGTH} characters`,
    })
  return { username, password }
}

function readOne(folder: string, name: 'username' | 'password'): string {
  const path = join(folder, name)
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new StockpipeError('config', `cannot read ${path}`, {
      hint: 'a login is a folder with the files username and password',
      cause,
    })
  }
  if (text !== '' && !/\p{Cc}/u.test(text)) return text
  throw new StockpipeError('config', `${path} is empty or has more than one line`)
}
