/** Records as a service would send them: numbers, times, short texts, some of them beyond ASCII. */

const NAMES = [
  'Aino Mäkelä',
  'Björn Ekström',
  'Chloé Dubois',
  'David Smith',
  'Eva Novák',
  'Gül Şahin',
  'Иван Петров',
  '山田太郎',
]
const CITIES = ['Helsinki', 'Jyväskylä', 'Málaga', 'London', 'Brno', 'İzmir', 'Тверь', '大阪市']
const TAGS = ['new', 'vip', 'trial', 'búho', 'pöllö', 'owl', 'newsletter', 'beta']

/** A small generator of its own, so that every run measures the same bytes. */
function generator(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function record(random, id) {
  return {
    id,
    name: NAMES[random(NAMES.length)],
    city: CITIES[random(CITIES.length)],
    email: `user${random(1e6)}@example.com`,
    created: new Date(1.7e12 + random(1e9) * 100).toISOString(),
    balance: random(1e7) / 100,
    active: random(3) > 0,
    tags: [TAGS[random(TAGS.length)], TAGS[random(TAGS.length)]],
    note: random(4) === 0 ? 'pyytää yhteydenottoa, 15 % alennus' : null,
  }
}

/** @type {{ name: string, data: unknown, json: string }[]} */
export const payloads = [
  ['100 B', { uid: 2134, en: 'owl', fi: 'pöllö', es: 'búho', visits: 17, seen: '2026-11-21T10:00:00Z' }],
  ['1 KB', 4],
  ['10 KB', 43],
  ['100 KB', 430],
  ['1 MB', 4_300],
].map(([name, what]) => {
  const random = generator(1)
  const data = typeof what === 'number' ? Array.from({ length: what }, (_, id) => record(random, id + 1000)) : what
  return { name, data, json: JSON.stringify(data) }
})
