import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { Empty, Failure, Skeleton } from '../parts/states.tsx'
import { Shell } from './shell.tsx'

/** What stands in the address is text; pages read it as what they need. */
export type Search = Readonly<Record<string, string>>

const toText = (search: Record<string, unknown>): Search =>
  Object.fromEntries(
    Object.entries(search).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' ? [] : [[name, String(value)]],
    ),
  )

const root = createRootRoute({
  component: Shell,
  validateSearch: toText,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <Link to="/">To the overview</Link>
    </Empty>
  ),
})
const at = () => root

const routeTree = root.addChildren([
  createRoute({
    getParentRoute: at,
    path: '/',
    component: lazyRouteComponent(() => import('../pages/overview-page.tsx'), 'OverviewPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/requests',
    component: lazyRouteComponent(() => import('../pages/requests-page.tsx'), 'RequestsPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/requests/$id',
    component: lazyRouteComponent(() => import('../pages/request-page.tsx'), 'RequestPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/jobs',
    component: lazyRouteComponent(() => import('../pages/jobs-page.tsx'), 'JobsPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/usage',
    component: lazyRouteComponent(() => import('../pages/usage-page.tsx'), 'UsagePage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/keys',
    component: lazyRouteComponent(() => import('../pages/keys-page.tsx'), 'KeysPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/providers',
    component: lazyRouteComponent(() => import('../pages/providers-page.tsx'), 'ProvidersPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/routing',
    component: lazyRouteComponent(() => import('../pages/routing-page.tsx'), 'RoutingPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/playground',
    component: lazyRouteComponent(() => import('../pages/playground-page.tsx'), 'PlaygroundPage'),
  }),
  createRoute({
    getParentRoute: at,
    path: '/settings',
    component: lazyRouteComponent(() => import('../pages/settings-page.tsx'), 'SettingsPage'),
  }),
])

export const router = createRouter({
  routeTree,
  history: createHashHistory(),
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(toText(search)).toString()
    return text === '' ? '' : `?${text}`
  },
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} onRetry={reset} />,
  defaultPendingComponent: () => <Skeleton />,
  defaultPendingMs: 300,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
