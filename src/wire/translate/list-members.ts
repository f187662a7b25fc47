import type { ChatEvent } from '../../core/chat.ts'
import type { JsonObject } from '../json.ts'

type OtherDelta = Extract<ChatEvent, { type: 'other-delta' }>

/**
 * Holds back the lists that deltas carry, such as `reasoning_details` and `annotations`, until the choice they belong to
 * finishes, and says them once: clients join texts piece by piece, but of a list they keep the last piece only.
 */
export class ListMembers {
  readonly #held = new Map<number, Record<string, unknown[]>>()

  /** The same events with the lists in their place. */
  inOrder(events: readonly ChatEvent[]): readonly ChatEvent[] {
    if (this.#held.size === 0 && !events.some(({ type }) => type === 'other-delta')) return events
    return events.flatMap((event) => {
      if (event.type === 'other-delta') return this.#hold(event)
      return event.type === 'finish' ? [...this.#release(event.choice), event] : [event]
    })
  }

  /** What is held where no finish comes any more. */
  rest(): readonly ChatEvent[] {
    return [...this.#held.keys()].flatMap((choice) => this.#release(choice))
  }

  #hold({ choice, delta }: OtherDelta): readonly ChatEvent[] {
    const others: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(delta)) {
      if (!Array.isArray(value)) others[name] = value
      else {
        const lists = this.#held.get(choice) ?? {}
        const list = lists[name] ?? []
        for (const each of value) list.push(each)
        lists[name] = list
        this.#held.set(choice, lists)
      }
    }
    const isLeft = Object.keys(others).length > 0
    return isLeft ? [{ type: 'other-delta', choice, delta: others satisfies JsonObject }] : []
  }

  #release(choice: number): readonly ChatEvent[] {
    const delta = this.#held.get(choice)
    this.#held.delete(choice)
    return delta ? [{ type: 'other-delta', choice, delta }] : []
  }
}
