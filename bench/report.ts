/** Prints one figure beside its target, and says whether it was met. */
export function judge(label: string, value: number, bound: 'at most' | 'at least', target: number, unit = ''): boolean {
  const met = bound === 'at most' ? value <= target : value >= target;
  const figure = Number.isInteger(value) ? String(value) : value.toFixed(3);
  console.log(`${met ? 'met   ' : 'MISSED'} ${label}: ${figure}${unit} (target: ${bound} ${target}${unit})`);
  return met;
}
