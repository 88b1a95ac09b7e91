declare module '*.avsc' {
  import type { Schema } from 'avsc'
  const schema: Schema
  export default schema
}
