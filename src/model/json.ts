/** A parsed JSON value. Integers beyond 2^53 arrive as bigint, bare NaN and infinities as numbers. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };
