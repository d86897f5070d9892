/** A uPlot that fills its place, follows the colours of the page, and shows the last seconds. */

import './language.mjs'
import uPlot from '/uplot/uPlot.esm.js'

export const windowSeconds = 10

/** The value of a colour of the style sheet now: it changes with light and dark. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/**
 * @param {HTMLElement} place
 * @param {uPlot.Series[]} series without the first, which is time in seconds
 * @param {{ range: (u: uPlot, min: number, max: number) => [number, number], values: (u: uPlot,
 *   splits: number[]) => string[] }} y
 */
export function livePlot(place, series, y) {
  const grid = { stroke: () => colour('--line'), width: 1 }
  const axis = { stroke: () => colour('--soft'), grid, ticks: { show: false }, font: '12px system-ui, sans-serif' }
  const size = () => ({ width: Math.max(place.clientWidth, 50), height: Math.max(place.clientHeight, 50) })
  const plot = new uPlot(
    {
      ...size(),
      cursor: { show: false },
      legend: { show: false },
      padding: [8, 4, 0, 0],
      scales: { x: { time: false }, y: { range: y.range } },
      axes: [
        {
          ...axis,
          size: 24,
          values: (u, splits) => splits.map((at) => `${Math.round(at - u.scales.x.max)} s`),
          space: 60,
        },
        { ...axis, size: 74, values: y.values, space: 32 },
      ],
      series: [{}, ...series],
    },
    [[], ...series.map(() => [])],
    place,
  )
  new ResizeObserver(() => plot.setSize(size())).observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw())
  return {
    /** Shows data up to `now`, in seconds. */
    show(data, now) {
      plot.batch(() => {
        plot.setData(data, false)
        plot.setScale('x', { min: now - windowSeconds, max: now })
      })
    },
  }
}
