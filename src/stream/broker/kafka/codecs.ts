/** Teaches kafkajs the codecs that it knows by number only. Ours compress with zstd; other producers as they like. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

import { CompressionCodecs, CompressionTypes } from 'kafkajs'

import { unlz4 } from './lz4.ts'
import { unsnappy } from './snappy.ts'

/** A few KB can claim to be gigabytes. A batch is 1 MB before Kafka takes it, unless its limit was raised. */
export const LARGEST_BATCH = 128 * 1024 * 1024

const onlyZstd = async (): Promise<Buffer> => {
  throw new Error('records are compressed with zstd only')
}

const codec =
  (decompress: (buffer: Buffer) => Buffer, compress: (input: { buffer: Buffer }) => Promise<Buffer>) => () => ({
    compress,
    decompress: async (buffer: Buffer) => decompress(buffer),
  })

const limit = { maxOutputLength: LARGEST_BATCH }

CompressionCodecs[CompressionTypes.ZSTD] = codec(
  (buffer) => zstdDecompressSync(buffer, limit),
  async ({ buffer }) => Bun.zstdCompressSync(buffer, { level: 1 }),
)
CompressionCodecs[CompressionTypes.GZIP] = codec((buffer) => gunzipSync(buffer, limit), onlyZstd)
CompressionCodecs[CompressionTypes.Snappy] = codec(unsnappy, onlyZstd)
CompressionCodecs[CompressionTypes.LZ4] = codec((buffer) => unlz4(buffer, LARGEST_BATCH), onlyZstd)
