declare module 'kafkajs/src/cluster/index.js' {
  const value: unknown
  export default value
}
declare module 'kafkajs/src/loggers/index.js' {
  const value: unknown
  export default value
}
declare module 'kafkajs/src/consumer/assignerProtocol.js' {
  const value: unknown
  export default value
}
declare module 'kafkajs/src/protocol/error.js' {
  const value: unknown
  export default value
}
declare module 'kafkajs/src/protocol/*' {
  const value: unknown
  export default value
}
