export const parse = <T>(json: string | null): T | null => (json === null ? null : JSON.parse(json))

export const stringify = (value: unknown): string | null =>
  value === null ? null : JSON.stringify(value)
