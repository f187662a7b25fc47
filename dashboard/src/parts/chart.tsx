import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import { axisTimes, formatTime } from '../data/format.ts'
import { colourOf, stacked } from './chart-series.ts'

export interface Series {
  readonly name: string
  /** A token of the style, such as `--c1`. */
  readonly colour: string
  /** Null where nothing was measured: drawn as a gap. */
  readonly values: readonly (number | null)[]
}

interface ChartProps {
  readonly label: string
  /** Epoch ms. */
  readonly at: readonly number[]
  readonly series: readonly Series[]
  readonly kind: 'lines' | 'bars'
  readonly format: (value: number) => string
  readonly heightPx?: number
  readonly onRange?: (from: number, to: number) => void
}

/** Lines, or bars on one another; what is under the pointer is told beside the names. A table says the same in words. */
export function Chart(props: ChartProps) {
  const { label, at, series, format, onRange } = props
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [place, setPlace] = useState<number | null>(null)
  const range = useRef(onRange)
  range.current = onRange
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(
        optionsFor(props, element, setPlace, (from, to) => range.current?.(from, to)),
        dataFor(props),
        element,
      )
    }
    draw()
    const resized = new ResizeObserver(() => {
      const width = element.clientWidth
      if (width > 0 && width !== plot.current?.width)
        plot.current?.setSize({ width, height: props.heightPx ?? 180 })
    })
    resized.observe(element)
    addEventListener('themechange', draw)
    const system = matchMedia('(prefers-color-scheme: dark)')
    system.addEventListener('change', draw)
    return () => {
      resized.disconnect()
      removeEventListener('themechange', draw)
      system.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = null
    }
  }, [props])
  const move = (by: number) => {
    const next = Math.max(0, Math.min(at.length - 1, (place ?? at.length) + by))
    const left = plot.current?.valToPos((at[next] ?? 0) / 1000, 'x') ?? -10
    plot.current?.setCursor({ left, top: 10 })
  }
  return (
    <figure className="chart">
      <div className="chart-legend">
        {series.map(({ name, colour, values }) => (
          <span key={name}>
            <i style={{ background: `var(${colour})` }} />
            {name}
            {place !== null && <b>{shown(values[place], format)}</b>}
          </span>
        ))}
        {place !== null && at[place] !== undefined && <span>{formatTime(at[place])}</span>}
      </div>
      <div
        ref={frame}
        role="img"
        aria-label={`${label}. The table below has the same numbers.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the cursor in it.
        tabIndex={0}
        onKeyDown={({ key }) => {
          if (key === 'ArrowLeft') move(-1)
          if (key === 'ArrowRight') move(1)
        }}
      />
      <ChartTable {...props} />
    </figure>
  )
}

const shown = (value: number | null | undefined, format: (value: number) => string): string =>
  value === null || value === undefined ? '–' : format(value)

function ChartTable({ label, at, series, format }: ChartProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details className="chart-table" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        <div className="table-frame">
          <table aria-label={label}>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" className="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at.map((time, row) => (
                <tr key={time}>
                  <td>{formatTime(time)}</td>
                  {series.map(({ name, values }) => (
                    <td key={name} className="number">
                      {shown(values[row], format)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function dataFor({ at, series, kind }: ChartProps): uPlot.AlignedData {
  const rows = series.map(({ values }) => values)
  const drawn = kind === 'bars' ? stacked(rows) : rows
  return [at.map((each) => each / 1000), ...drawn.map((row) => [...row])]
}

function optionsFor(
  { at, series, kind, format, heightPx }: ChartProps,
  element: HTMLElement,
  onPlace: (place: number | null) => void,
  onRange: (from: number, to: number) => void,
): uPlot.Options {
  const [text, line] = [colourOf(element, '--muted'), colourOf(element, '--line')]
  const bars = uPlot.paths.bars?.({ size: [0.86, 40] })
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  return {
    width: Math.max(element.clientWidth, 100),
    height: heightPx ?? 180,
    legend: { show: false },
    cursor: {
      sync: { key: 'page' },
      drag: { x: true, y: false, setScale: false },
      points: { show: kind === 'lines' },
    },
    scales: {
      x: { time: true, range: padded(at) },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 36, values: (_plot, times) => axisTimes(times) },
      { ...axis, size: 62, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...series.map(({ name, colour, values }) => {
        const own = colourOf(element, colour)
        return kind === 'bars'
          ? {
              label: name,
              fill: own,
              width: 0,
              points: { show: false },
              ...(bars && { paths: bars }),
            }
          : { label: name, stroke: own, width: 1.75, points: { show: isSparse(values), size: 5 } }
      }),
    ],
    hooks: {
      setCursor: [({ cursor }) => onPlace(cursor.idx ?? null)],
      setSelect: [
        (own) => {
          const { left, width } = own.select
          if (width < 6) return
          onRange(own.posToVal(left, 'x') * 1000, own.posToVal(left + width, 'x') * 1000)
          own.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}

const sparse = 40

/** A value between two gaps has no line to be seen by. */
const isSparse = (values: Series['values']): boolean =>
  values.filter((value) => value !== null).length < sparse

/** A single point would have no width at all. */
const padded =
  (at: readonly number[]) =>
  (_plot: uPlot, least: number, most: number): [number, number] => {
    const step = at.length > 1 ? ((at[1] ?? 0) - (at[0] ?? 0)) / 1000 : 60
    return [least - step / 2, most + step / 2]
  }
