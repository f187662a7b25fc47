import { useUrlState } from '../app/url-state.ts'
import { Tabs } from '../parts/code.tsx'
import { Access } from './settings/access.tsx'
import { AuditList } from './settings/audit-list.tsx'
import { ConfigView } from './settings/config-view.tsx'
import { Prices } from './settings/prices.tsx'

const tabs = ['config', 'access', 'audit', 'prices'] as const
const names = ['Configuration', 'Access and look', 'Audit', 'Prices'] as const

export function SettingsPage() {
  const [{ tab }, change] = useUrlState()
  const at = Math.max(0, tabs.indexOf(tab as (typeof tabs)[number]))
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Settings</h1>
      </header>
      <Tabs
        label="Settings"
        names={names}
        at={at}
        onChange={(next) => change({ tab: next === 0 ? undefined : tabs[next] })}
      />
      {at === 0 && <ConfigView />}
      {at === 1 && <Access />}
      {at === 2 && <AuditList />}
      {at === 3 && <Prices />}
    </div>
  )
}
