/** Records as a service would send them: numbers, times, short texts, some of them beyond ASCII. */

const FIRST = 'Aino Björn Chloé David Eva Frédéric Günther Helena Iñigo Jörg Kaisa Louis María Noah Olga Päivi'.split(
  ' ',
)
const LAST = 'Mäkelä Ekström Dubois Smith Novak Müller Núñez Virtanen Brown Öberg García Laine Jones Rossi'.split(' ')
const CITIES = 'Helsinki Jyväskylä Málaga London Brno Zürich Porto Kraków Ghent Tampere Lyon Oulu'
  .split(' ')
  .map((city) => city.replace('ó', 'o'))
const WORDS =
  'order invoice refund delayed pöllö búho owl gift parcel customer asked about delivery café naïve 15 %'.split(' ')

/** A small generator of its own, so that every run measures the same bytes. */
function generator(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function record(random, id) {
  const pick = (words) => words[random(words.length)]
  return {
    id,
    name: `${pick(FIRST)} ${pick(LAST)}`,
    city: pick(CITIES),
    email: `user${random(1e6)}@example.com`,
    created: new Date(1.7e12 + random(1e9) * 100).toISOString(),
    balance: random(1e7) / 100,
    active: random(3) > 0,
    note: Array.from({ length: random(12) }, () => pick(WORDS)).join(' '),
  }
}

/** @type {{ name: string, data: unknown, json: string }[]} */
export const payloads = [
  ['100 B', { uid: 2134, en: 'owl', fi: 'pöllö', es: 'búho', visits: 17, seen: '2026-11-21T10:00:00Z' }],
  ['1 KB', 5],
  ['10 KB', 53],
  ['100 KB', 535],
  ['1 MB', 5_350],
].map(([name, what]) => {
  const random = generator(1)
  const data = typeof what === 'number' ? Array.from({ length: what }, (_, id) => record(random, id + 1000)) : what
  return { name, data, json: JSON.stringify(data) }
})
