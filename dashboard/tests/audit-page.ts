// Runs inside the page: what readers of screens, of small screens and of pale text would stumble over. It is put there
// without its types, so it is one script and imports nothing.

interface Colour {
  readonly red: number
  readonly green: number
  readonly blue: number
  readonly alpha: number
}

function auditPage(): readonly string[] {
  return [
    ...auditStructure(),
    ...auditNames(),
    ...auditContrast(),
    ...auditTargets(),
    ...auditWidth(),
  ]
}

const describe = (element: Element): string =>
  `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${(element.textContent ?? '').trim().slice(0, 40)}`

const isShown = (element: Element): boolean => {
  if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false
  const { width, height, bottom } = element.getBoundingClientRect()
  return width > 0 && height > 0 && bottom > 0
}

function auditStructure(): readonly string[] {
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at)
  const levels = [...document.querySelectorAll('h1,h2,h3,h4')]
    .filter(isShown)
    .map(({ tagName }) => Number(tagName[1]))
  const jump = levels.find((level, at) => at > 0 && level > (levels[at - 1] ?? 0) + 1)
  return [
    document.documentElement.lang === '' ? 'the page names no language' : '',
    document.title === '' ? 'the page has no title' : '',
    document.querySelectorAll('main').length === 1 ? '' : 'there is not exactly one main',
    levels.filter((level) => level === 1).length === 1 ? '' : 'there is not exactly one h1',
    jump === undefined ? '' : `a heading of level ${jump} follows one that is not above it`,
    twice.length === 0 ? '' : `ids occur twice: ${twice.join(', ')}`,
    ...[...document.querySelectorAll('[aria-controls],[aria-labelledby],[aria-describedby]')].map(
      (element) => {
        const named = ['aria-controls', 'aria-labelledby', 'aria-describedby'].flatMap(
          (name) => element.getAttribute(name)?.split(' ') ?? [],
        )
        const missing = named.filter((id) => id !== '' && document.getElementById(id) === null)
        return missing.length === 0 ? '' : `${describe(element)} refers to nothing: ${missing}`
      },
    ),
    ...[...document.querySelectorAll('table')].map((table) =>
      table.getAttribute('aria-label') && table.querySelector('th[scope]')
        ? ''
        : `${describe(table)} has no name or no headed columns`,
    ),
  ].filter((each) => each !== '')
}

const withNames =
  'a[href],button,input,select,textarea,summary,[role=tab],[role=meter],[role=img],[role=option],[tabindex="0"]'

function auditNames(): readonly string[] {
  return [...document.querySelectorAll(withNames)]
    .filter(isShown)
    .filter((element) => nameOf(element).trim() === '')
    .map((element) => `nameless: ${describe(element)} ${element.outerHTML.slice(0, 120)}`)
}

function nameOf(element: Element): string {
  const label = element.getAttribute('aria-label')
  if (label) return label
  const by = element.getAttribute('aria-labelledby')
  if (by) return document.getElementById(by)?.textContent ?? ''
  if (
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement
  )
    return [...(element.labels ?? [])].map(({ textContent }) => textContent).join(' ')
  return element.textContent || element.getAttribute('title') || ''
}

function auditContrast(): readonly string[] {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = new Set<string>()
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!element || !node.textContent?.trim() || !isShown(element)) continue
    if (element.closest(':disabled,[aria-disabled=true],option,datalist,noscript,script')) continue
    const style = getComputedStyle(element)
    const sizePx = Number.parseFloat(style.fontSize)
    const isLarge = sizePx >= 24 || (sizePx >= 18.66 && Number(style.fontWeight) >= 600)
    const behind = backgroundOf(element)
    const ratio = contrast(mixed(colourOfText(style.color), behind), behind)
    if (ratio < (isLarge ? 3 : 4.5))
      found.add(`pale, ${ratio.toFixed(2)}: ${describe(element)} ${style.color}`)
  }
  return [...found]
}

function colourOfText(text: string): Colour {
  const srgb = /^color\(srgb ([\d. /]+)\)$/.exec(text)?.[1]
  const numbers = (srgb ?? text).match(/[\d.]+/g)?.map(Number) ?? []
  const scale = srgb === undefined ? 1 : 255
  const [red = 0, green = 0, blue = 0, alpha = 1] = numbers
  return { red: red * scale, green: green * scale, blue: blue * scale, alpha }
}

function backgroundOf(element: Element): Colour {
  const layers: Colour[] = []
  for (let at: Element | null = element; at; at = at.parentElement) {
    const colour = colourOfText(getComputedStyle(at).backgroundColor)
    layers.push(colour)
    if (colour.alpha === 1) break
  }
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches
  const page = isDark ? 0 : 255
  return layers.reduceRight<Colour>((below, above) => mixed(above, below), {
    red: page,
    green: page,
    blue: page,
    alpha: 1,
  })
}

const mixed = (above: Colour, below: Colour): Colour => {
  const part = (own: number, under: number) => own * above.alpha + under * (1 - above.alpha)
  return {
    red: part(above.red, below.red),
    green: part(above.green, below.green),
    blue: part(above.blue, below.blue),
    alpha: 1,
  }
}

/** The ratio of WCAG 2. */
function contrast(one: Colour, other: Colour): number {
  const light = (colour: Colour): number => {
    const [red = 0, green = 0, blue = 0] = [colour.red, colour.green, colour.blue].map((value) => {
      const part = value / 255
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [bright = 0, dark = 0] = [light(one), light(other)].toSorted((a, b) => b - a)
  return (bright + 0.05) / (dark + 0.05)
}

/** WCAG 2.2 asks for 24 pixels; links within text and boxes within their label are exempt. */
function auditTargets(): readonly string[] {
  const least = 23.5
  return [...document.querySelectorAll('button,select,input,summary,nav a')]
    .filter(isShown)
    .map((element) => element.closest('label') ?? element)
    .filter((element) => {
      const { width, height } = element.getBoundingClientRect()
      return width < least || height < least
    })
    .map((element) => `too small to hit: ${describe(element)}`)
}

function auditWidth(): readonly string[] {
  const { scrollWidth, clientWidth } = document.documentElement
  return scrollWidth > clientWidth
    ? [`wider than the screen: ${scrollWidth} of ${clientWidth}`]
    : []
}

Object.assign(globalThis, { auditPage })
