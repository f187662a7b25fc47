import { type KeyboardEvent, type ReactNode, useRef } from 'react'
import { useOverflow } from './use-overflow.ts'

export interface Column<T> {
  readonly name: string
  readonly cell: (row: T) => ReactNode
  readonly kind?: 'number' | 'main'
  /** On a narrow screen only what matters stays. */
  readonly isSide?: boolean
}

/** A real table. With `onOpen` its rows take the focus: arrows or j and k move, Enter opens. */
export function Table<T>(props: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly onOpen?: ((row: T) => void) | undefined
  readonly openKey?: string | undefined
}) {
  const { label, columns, rows, keyOf, onOpen, openKey } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const frame = useRef<HTMLDivElement>(null)
  const isWide = useOverflow(frame)
  const move = (event: KeyboardEvent<HTMLTableRowElement>, row: T) => {
    if (event.target !== event.currentTarget) return
    if (event.key === 'Enter') onOpen?.(row)
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
    if (by === undefined) return
    event.preventDefault()
    const all = [...(body.current?.rows ?? [])]
    all[all.indexOf(event.currentTarget) + by]?.focus()
  }
  return (
    <div
      ref={frame}
      className="table-frame"
      // What scrolls must be reachable by keyboard.
      {...(isWide && { tabIndex: 0, role: 'region', 'aria-label': label })}
    >
      <table aria-label={label} aria-rowcount={rows.length}>
        <thead>
          <tr>
            {columns.map(({ name, kind, isSide }) => (
              <th key={name} scope="col" className={classOf(kind, isSide)}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row, place) => (
            <tr
              key={keyOf(row)}
              data-row={onOpen ? '' : undefined}
              aria-selected={openKey === keyOf(row) ? true : undefined}
              tabIndex={onOpen ? (place === 0 || openKey === keyOf(row) ? 0 : -1) : undefined}
              onClick={(event) => {
                if (!(event.target as Element).closest('a,button,input,select')) onOpen?.(row)
              }}
              onKeyDown={(event) => move(event, row)}
            >
              {columns.map(({ name, cell, kind, isSide }) => (
                <td key={name} className={classOf(kind, isSide)} data-name={name}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const classOf = (kind: string | undefined, isSide: boolean | undefined): string | undefined =>
  [kind, isSide && 'side'].filter(Boolean).join(' ') || undefined
