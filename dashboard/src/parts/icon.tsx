const paths = {
  overview: 'M3 13h4v8H3zM10 3h4v18h-4zM17 9h4v12h-4z',
  requests: 'M4 6h16M4 12h16M4 18h10',
  jobs: 'M4 5h5v14H4zM10 5h5v9h-5zM16 5h4v6h-4z',
  usage: 'M3 20h18M5 16l5-6 4 3 6-8',
  keys: 'M14 10a4 4 0 1 0-3.5 4L12 15.5 12 18h3v3h4v-4l-6-6z',
  providers: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01',
  routing: 'M5 6h6a4 4 0 0 1 4 4v4a4 4 0 0 0 4 4M5 18h6M16 3l4 3-4 3',
  playground: 'M4 5h16v11H9l-5 4z',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4v6M8 14v6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  sun: 'M12 4V2M12 22v-2M4 12H2M22 12h-2M6 6L5 5M19 19l-1-1M6 18l-1 1M19 5l-1 1M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0z',
  moon: 'M20 14A8 8 0 1 1 10 4a6.5 6.5 0 0 0 10 10z',
  search: 'M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16 16l5 5',
  ok: 'M5 12l5 5 9-10',
  warn: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  err: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM9 9l6 6M15 9l-6 6',
  info: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM12 11v5M12 8h.01',
  lock: 'M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3',
  help: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M12 17h.01',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4l12 8-12 8z',
  out: 'M10 4H4v16h6M15 8l4 4-4 4M19 12H9',
} as const

export type IconName = keyof typeof paths

/** Always beside a word or inside a named button, so it says nothing to readers of the screen itself. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
