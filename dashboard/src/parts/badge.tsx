import type { ReactNode } from 'react'
import { Icon, type IconName } from './icon.tsx'

export type Tone = 'ok' | 'warn' | 'err' | 'info' | 'plain'

const icons: Readonly<Record<Tone, IconName | null>> = {
  ok: 'ok',
  warn: 'warn',
  err: 'err',
  info: 'info',
  plain: null,
}

/** A state: colour, sign and word together, since colour alone tells some readers nothing. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  const icon = icons[tone]
  return (
    <span className={`badge ${tone}`}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  )
}

export function toneOfStatus(status: number): Tone {
  if (status >= 500) return 'err'
  if (status >= 400) return 'warn'
  return status === 0 ? 'plain' : 'ok'
}
