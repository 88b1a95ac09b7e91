import { describe, expect, test } from 'bun:test'

import { configFolder } from './load.fixture.ts'
import { envOf, kebab, type Option } from './option.ts'
import { KEYS } from './options.ts'
import { asJson, asText, asYaml, showSettings } from './show.ts'
import { OPTIONS } from '../config.ts'

const { file, load, wordsOf } = configFolder()

describe('secrets', () => {
  const secrets = KEYS.filter((key) => (OPTIONS[key] as Option<unknown>).secret)

  test.each(secrets)('%s is refused as a flag, and its value is not repeated', (key) => {
    for (const command of ['run', 'export', 'simulate'] as const) {
      const words = wordsOf({ command, flags: { [kebab(key)]: 'hunter2' } })
      expect(words).toContain(`--${kebab(key)} is not taken on the command line`)
      expect(words).toContain(envOf(key))
      expect(words).toContain(`--${kebab(key)}-file`)
      expect(words).not.toContain('hunter2')
    }
  })

  test.each(secrets)('%s is masked in every output', (key) => {
    const { settings, origins } = load({ env: { [envOf(key)]: 'hunter2-hunter2-hunter2' } })
    expect(settings[key] as string).toBe('hunter2-hunter2-hunter2')
    const shown = showSettings(settings, origins)
    for (const print of [asText, asJson, asYaml]) {
      expect(print(shown)).not.toContain('hunter2')
      expect(print(shown)).toContain('***')
    }
  })

  test.each(secrets)('%s can be read from a file', (key) => {
    const path = file('s3cret-s3cret-s3cret\n')
    const { settings, origins } = load({ flags: { [`${kebab(key)}-file`]: path } })
    expect(settings[key] as string).toBe('s3cret-s3cret-s3cret')
    expect(origins[key].name).toBe(`file of --${kebab(key)}-file`)
  })

  test('the better source decides between a secret and its file, and two equal ones are refused', () => {
    const path = file('from-file')
    const both = load({ flags: { 'finnhub-token-file': path }, env: { STOCKPIPE_FINNHUB_TOKEN: 'from-env' } })
    expect(both.settings.finnhubToken).toBe('from-file')
    const older = load({ env: { STOCKPIPE_FINNHUB_TOKEN_FILE: path, FINNHUB_API_TOKEN: 'older' } })
    expect(older.settings.finnhubToken).toBe('from-file')
    const words = wordsOf({ env: { STOCKPIPE_FINNHUB_TOKEN_FILE: path, STOCKPIPE_FINNHUB_TOKEN: 'hunter2' } })
    expect(words).toContain('are both set')
    expect(words).not.toContain('hunter2')
  })

  test.each([
    ['', 'empty file'],
    ['one\ntwo\n', 'more than one line'],
  ])('a secret file with %j is refused', (text, words) => {
    expect(wordsOf({ flags: { 'finnhub-token-file': file(text) } })).toContain(words)
  })

  test('a secret file that is not there is refused', () => {
    expect(wordsOf({ flags: { 'finnhub-token-file': 'nowhere' } })).toContain(
      'cannot read the file of --finnhub-token-file',
    )
  })

  test('a value that is too short is not repeated', () => {
    const words = wordsOf({ env: { STOCKPIPE_API_TOKEN: 'hunter2' } })
    expect(words).toContain('STOCKPIPE_API_TOKEN is too short')
    expect(words).not.toContain('hunter2')
  })

  test.each(['wss://ws.finnhub.io?token=hunter2', 'wss://me:hunter2@ws.finnhub.io'])('%s is refused unread', (url) => {
    const words = wordsOf({ flags: { 'finnhub-url': url } })
    expect(words).toContain('holds a token or a password')
    expect(words).not.toContain('hunter2')
  })
})
