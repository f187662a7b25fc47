import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { Icon } from '../parts/icon.tsx'
import { ErrorBoundary } from './error-boundary.tsx'
import { useHotkeys } from './hotkeys.ts'
import { KeyHelp } from './key-help.tsx'
import { type PageEntry, pages } from './pages.ts'
import { Palette } from './palette.tsx'
import { themes, useTheme } from './theme.ts'

const onPhone = new Set(['/', '/requests', '/jobs', '/keys'])

/** What is around every page: the way to the others, the search, the look. */
export function Shell() {
  const [open, setOpen] = useState<'palette' | 'help' | 'more' | null>(null)
  const navigate = useNavigate()
  const location = useLocation()
  const main = useRef<HTMLElement>(null)
  const [theme, setTheme] = useTheme()
  const nextTheme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto'
  useHotkeys({
    '?': () => setOpen('help'),
    t: () => setTheme(nextTheme),
    '/': () => document.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
    ...Object.fromEntries(
      pages.map(({ key, to }) => [`g ${key}`, () => void navigate({ to, search: {} })]),
    ),
  })
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      setOpen('palette')
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
  const page = pages.find(({ to }) => isCurrent(to, location.pathname))
  useEffect(() => {
    document.title = page ? `${page.name} · Sluice` : 'Sluice'
    setOpen(null)
  }, [page])
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <nav className="rail" aria-label="Pages">
        <Link to="/" search={{}} className="brand">
          <span className="mark" aria-hidden="true" />
          Sluice
        </Link>
        <ul>
          {pages.map((entry) => (
            <li key={entry.to} className={onPhone.has(entry.to) ? undefined : 'not-on-phone'}>
              <NavLink entry={entry} path={location.pathname} />
            </li>
          ))}
          <li className="phone-only">
            <button
              type="button"
              onClick={() => setOpen(open === 'more' ? null : 'more')}
              aria-expanded={open === 'more'}
            >
              <Icon name="more" />
              <span>More</span>
            </button>
          </li>
        </ul>
        {open === 'more' && (
          <ul className="more">
            {pages
              .filter(({ to }) => !onPhone.has(to))
              .map((entry) => (
                <li key={entry.to}>
                  <NavLink entry={entry} path={location.pathname} />
                </li>
              ))}
          </ul>
        )}
        <div className="rail-foot">
          <button type="button" onClick={() => setOpen('palette')} aria-keyshortcuts="Control+K">
            <Icon name="search" />
            <span>Find</span>
            <kbd>Ctrl K</kbd>
          </button>
          <button type="button" onClick={() => setTheme(nextTheme)} title={`Colours: ${theme}`}>
            <Icon name={theme === 'dark' ? 'moon' : 'sun'} />
            <span>Colours: {theme}</span>
          </button>
          <button type="button" onClick={() => setOpen('help')}>
            <Icon name="help" />
            <span>Keys</span>
            <kbd>?</kbd>
          </button>
        </div>
      </nav>
      <main ref={main} tabIndex={-1}>
        <ErrorBoundary place={location.pathname}>
          <Outlet />
        </ErrorBoundary>
      </main>
      {open === 'palette' && <Palette onClose={() => setOpen(null)} />}
      {open === 'help' && <KeyHelp onClose={() => setOpen(null)} />}
    </div>
  )
}

const isCurrent = (to: string, path: string): boolean =>
  to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`)

function NavLink({ entry, path }: { readonly entry: PageEntry; readonly path: string }) {
  const { to, name, icon } = entry
  return (
    <Link
      to={to}
      search={({ range, from, to: until }: Record<string, string>) => ({
        ...(range && { range }),
        ...(from && until && { from, to: until }),
      })}
      aria-current={isCurrent(to, path) ? 'page' : undefined}
    >
      <Icon name={icon} />
      <span>{name}</span>
    </Link>
  )
}
