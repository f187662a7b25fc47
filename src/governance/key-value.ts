/** Another virtual key; `randomId` is a UUIDv4. */
export const newKeyValue = (randomId: string): string => `sk-bf-${randomId}`

/** What may be shown of a key for ever: its ends. */
export const hintOf = (value: string): string => `${value.slice(0, 6)}…${value.slice(-4)}`
