import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useId, useState } from 'react'
import type { listVirtualKeys } from '../../../src/api/admin/contract-keys.ts'
import type { listRoutes } from '../../../src/api/admin/contract-system.ts'
import type { Answer } from '../data/ask.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Dialog } from '../parts/dialog.tsx'
import { pages } from './pages.ts'

interface Entry {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly to: string
  readonly search: Readonly<Record<string, string>>
}

const shownAtMost = 12

/** Everything by its name: pages, keys, models, and a request by its id. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const navigate = useNavigate()
  const list = useId()
  const keys = useAnswer<Answer<typeof listVirtualKeys>>('/api/virtual-keys', { limit: '200' })
  const models = useAnswer<Answer<typeof listRoutes>>('/api/models')
  const found = find(text, [
    ...pages.map(({ name, to }) => ({ id: to, kind: 'Page', name, to, search: {} })),
    ...(keys.data?.data ?? []).map(({ id, name }) => ({
      id,
      kind: 'Key',
      name,
      to: '/keys',
      search: { key: id },
    })),
    ...(models.data?.data ?? []).map(({ name }) => ({
      id: `model ${name}`,
      kind: 'Model',
      name,
      to: '/routing',
      search: { model: name },
    })),
  ])
  const go = (entry: Entry | undefined) => {
    if (!entry) return
    onClose()
    void navigate({ to: entry.to, search: entry.search })
  }
  const press = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by !== undefined) {
      event.preventDefault()
      setAt((at + by + found.length) % Math.max(1, found.length))
    }
    if (event.key === 'Enter') go(found[at])
  }
  return (
    <Dialog title="Find" kind="palette" onClose={onClose}>
      <input
        autoFocus
        className="palette-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found[at] ? `${list}-${at}` : undefined}
        aria-label="A page, a key, a model, or the id of a request"
        placeholder="A page, a key, a model, or the id of a request"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={press}
      />
      <div id={list} role="listbox" aria-label="Found" className="palette-list">
        {found.map((entry, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field above.
          <div
            key={entry.id}
            id={`${list}-${place}`}
            role="option"
            tabIndex={-1}
            aria-selected={place === at}
            onClick={() => go(entry)}
          >
            <span>{entry.name}</span>
            <span className="dim">{entry.kind}</span>
          </div>
        ))}
      </div>
    </Dialog>
  )
}

function find(text: string, all: readonly Entry[]): readonly Entry[] {
  const wanted = text.trim().toLowerCase()
  const fitting = all.filter(({ name }) => name.toLowerCase().includes(wanted))
  const search: Entry = {
    id: 'search',
    kind: 'Search',
    name: `Requests with “${text.trim()}”`,
    to: '/requests',
    search: { q: text.trim(), range: '30d' },
  }
  return [...fitting.slice(0, shownAtMost), ...(wanted === '' ? [] : [search])]
}
