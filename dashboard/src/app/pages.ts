import type { IconName } from '../parts/icon.tsx'

export interface PageEntry {
  readonly to: string
  readonly name: string
  readonly icon: IconName
  /** After `g`. */
  readonly key: string
}

export const pages: readonly PageEntry[] = [
  { to: '/', name: 'Overview', icon: 'overview', key: 'o' },
  { to: '/requests', name: 'Requests', icon: 'requests', key: 'r' },
  { to: '/jobs', name: 'Jobs', icon: 'jobs', key: 'j' },
  { to: '/usage', name: 'Usage', icon: 'usage', key: 'u' },
  { to: '/keys', name: 'Keys', icon: 'keys', key: 'k' },
  { to: '/providers', name: 'Providers', icon: 'providers', key: 'p' },
  { to: '/routing', name: 'Routing', icon: 'routing', key: 't' },
  { to: '/playground', name: 'Playground', icon: 'playground', key: 'l' },
  { to: '/settings', name: 'Settings', icon: 'settings', key: 's' },
]
