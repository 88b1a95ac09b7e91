import { expect, test } from 'bun:test'

import { imageName } from './image-name.ts'

test.each([
  ['stockpipe:0.1.0', 'docker.io/library/stockpipe:0.1.0', '0.1.0'],
  ['me/stockpipe:0.1.0', 'docker.io/me/stockpipe:0.1.0', '0.1.0'],
  ['registry.example.com/stockpipe:0.1.0', 'registry.example.com/stockpipe:0.1.0', '0.1.0'],
  ['localhost/stockpipe:dev', 'localhost/stockpipe:dev', 'dev'],
  ['127.0.0.1:5000/me/stock_pipe:a.b-c', '127.0.0.1:5000/me/stock_pipe:a.b-c', 'a.b-c'],
])('%s is %s for containerd', (short, full, tag) => {
  expect(imageName(short)).toEqual({ short, full, tag })
})

test.each([
  'stockpipe',
  'Stockpipe:1',
  'stockpipe:',
  'stockpipe:a/b',
  '/stockpipe:1',
  'a//b:1',
  'localhost:5000/stockpipe',
  '',
])('%p is no name of an image', (given) => {
  expect(() => imageName(given)).toThrow('such as stockpipe:0.1.0')
})
