/** What a step of the set-up came to: `kept` is what it found otherwise than wished, told, and left alone. */
export type Outcome = 'changed' | 'complete' | 'kept'
