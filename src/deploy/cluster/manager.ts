/** The name under which the cluster remembers which fields are ours. */
export const FIELD_MANAGER = 'stockpipe'
