import { useUrlState } from '../app/url-state.ts'
import { Tabs } from '../parts/code.tsx'
import { KeyList } from './keys/key-list.tsx'
import { LimitList } from './keys/limit-list.tsx'
import { TenantList } from './keys/tenant-list.tsx'

const tabs = ['keys', 'teams', 'customers', 'limits'] as const
const names = ['Keys', 'Teams', 'Customers', 'Providers and models'] as const

export function KeysPage() {
  const [{ tab }, change] = useUrlState()
  const at = Math.max(0, tabs.indexOf(tab as (typeof tabs)[number]))
  return (
    <>
      <header className="page-head">
        <h1>Keys and budgets</h1>
      </header>
      <Tabs
        label="What is limited"
        names={names}
        at={at}
        onChange={(next) => change({ tab: next === 0 ? undefined : tabs[next] })}
      />
      {at === 0 && <KeyList />}
      {at === 1 && <TenantList kind="teams" />}
      {at === 2 && <TenantList kind="customers" />}
      {at === 3 && <LimitList />}
    </>
  )
}
