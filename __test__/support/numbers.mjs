/** `first`, and the whole numbers after it: `count` in all. */
export const numbers = (count, first = 0) => Array.from({ length: count }, (_, i) => first + i)
