const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)t(\d\d):(\d\d):(\d\d)(\.\d+)?(?:z|([+-])(\d\d):(\d\d))$/i;

const MINUTE = 60_000;
const LAST_MINUTE_OF_DAY = 24 * 60 - 1;

/**
 * Reads a timestamp by the grammar of RFC 3339, 5.6: any precision, any offset, `T` and `Z` in either case, leap
 * seconds at the end of a UTC day. `Date.parse` takes much more than that, and cuts fractions to milliseconds.
 *
 * @returns milliseconds since the epoch, with their fraction; undefined for anything else
 */
export function parseRfc3339(text: string): number | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;

  // Date.UTC would take the years 0 to 99 for those of the twentieth century.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;

  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1);
  const minuteUtc = Number(hour) * 60 + Number(minute) - offset;
  const minuteOfDay = ((minuteUtc % 1440) + 1440) % 1440;
  if (Number(second) === 60 && minuteOfDay !== LAST_MINUTE_OF_DAY) return undefined;
  return date.getTime() + minuteUtc * MINUTE + Number(second) * 1000 + Number(`0${fraction}`) * 1000;
}
