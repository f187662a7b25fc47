import type { Static, TSchema } from 'typebox'

/** One thing that can be asked below `/api`: where, with what, and what is answered. */
export interface Operation<
  Query extends TSchema | null = TSchema | null,
  Body extends TSchema | null = TSchema | null,
  Reply extends TSchema | null = TSchema | null,
> {
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{name}` for what differs; `{name...}` takes the rest, slashes included. */
  readonly path: `/api/${string}`
  readonly summary: string
  readonly description?: string
  /** Null: what stands behind the question mark is not looked at. */
  readonly query: Query
  /** Null: none is read. */
  readonly body: Body
  /** Null: 204, without one. */
  readonly reply: Reply
  readonly status?: 201
  /** A body that is good. */
  readonly example?: object
  /** Statuses it may fail with, besides those that everything here may. */
  readonly fails?: readonly number[]
  /** Anybody may ask. */
  readonly open?: true
}

/** What a schema describes; null for none. */
export type Described<S extends TSchema | null> = S extends TSchema ? Static<S> : null

/** Keeps the exact types of the schemas. */
export const operation = <
  const Query extends TSchema | null,
  const Body extends TSchema | null,
  const Reply extends TSchema | null,
>(
  given: Operation<Query, Body, Reply>,
): Operation<Query, Body, Reply> => given
