import { readPreference, usePreference } from '../data/preference.ts'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const toTheme = (value: string | null): Theme => themes.find((each) => each === value) ?? 'auto'

/** The colours follow `color-scheme`, which `auto` leaves to the system. */
export function applyTheme(theme: Theme = toTheme(readPreference('theme'))): void {
  document.documentElement.dataset['theme'] = theme
  dispatchEvent(new Event('themechange'))
}

export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [value, change] = usePreference('theme')
  return [
    toTheme(value),
    (theme) => {
      change(theme)
      applyTheme(theme)
    },
  ]
}
