import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parseRfc3339 } from '../../src/access/rfc3339.ts';

/** Milliseconds of the days that `Date` can write with four digits of year. */
const instants = fc.integer({ min: Date.parse('0001-01-02T00:00:00Z'), max: Date.parse('9998-12-30T00:00:00Z') });

describe('an RFC 3339 timestamp', () => {
  it('is read as the examples of the RFC say', () => {
    assert.equal(parseRfc3339('1985-04-12T23:20:50.52Z'), Date.UTC(1985, 3, 12, 23, 20, 50, 520));
    assert.equal(parseRfc3339('1996-12-19T16:39:57-08:00'), Date.UTC(1996, 11, 20, 0, 39, 57));
    assert.equal(parseRfc3339('1990-12-31T23:59:60Z'), Date.UTC(1991, 0, 1));
    assert.equal(parseRfc3339('1990-12-31T15:59:60-08:00'), Date.UTC(1991, 0, 1));
    assert.equal(parseRfc3339('1937-01-01T12:00:27.87+00:20'), Date.UTC(1937, 0, 1, 11, 40, 27, 870));
    assert.equal(parseRfc3339('2026-11-20t00:00:00z'), Date.UTC(2026, 10, 20));
    assert.equal(parseRfc3339('2026-11-20T00:00:00-00:00'), Date.UTC(2026, 10, 20));
  });

  it('is read back from whatever Date writes', () => {
    fc.assert(
      fc.property(instants, (time) => {
        assert.equal(parseRfc3339(new Date(time).toISOString()), time);
      }),
    );
  });

  it('names the same instant with any offset and any precision', () => {
    const offsets = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });
    const digits = fc.array(fc.nat(9), { maxLength: 40 });
    fc.assert(
      fc.property(instants, offsets, digits, (time, offset, more) => {
        const local = new Date(time + offset * 60_000).toISOString().slice(0, -1);
        const size = Math.abs(offset);
        const hours = String(Math.trunc(size / 60)).padStart(2, '0');
        const minutes = String(size % 60).padStart(2, '0');
        const read = parseRfc3339(`${local}${more.join('')}${offset < 0 ? '-' : '+'}${hours}:${minutes}`);
        assert.ok(read !== undefined && read >= time && read <= time + 1, `${read} is not ${time}`);
      }),
    );
  });

  it('is nothing else that Date would take', () => {
    const wrong = [
      '',
      '0',
      'now',
      '2026-11-20',
      '2026-11-20T00:00:00',
      '2026-11-20 00:00:00Z',
      '2026-11-20T00:00Z',
      '2026-11-20T00:00:00.Z',
      '2026-11-20T00:00:00,5Z',
      '2026-11-20T00:00:00+0100',
      '2026-11-20T00:00:00+01',
      '2026-11-20T00:00:00Z ',
      ' 2026-11-20T00:00:00Z',
      '2026-11-20T00:00:00Z\n',
      '+002026-11-20T00:00:00Z',
      'Fri, 20 Nov 2026 00:00:00 GMT',
      '2026-13-01T00:00:00Z',
      '2026-00-01T00:00:00Z',
      '2026-02-29T00:00:00Z',
      '2026-04-31T00:00:00Z',
      '2026-11-00T00:00:00Z',
      '2026-11-20T24:00:00Z',
      '2026-11-20T00:60:00Z',
      '2026-11-20T00:00:61Z',
      '2026-11-20T12:00:60Z',
      '2026-11-20T00:00:00+24:00',
      '2026-11-20T00:00:00+00:60',
      '２026-11-20T00:00:00Z',
    ];
    for (const text of wrong) assert.equal(parseRfc3339(text), undefined, JSON.stringify(text));
    assert.equal(parseRfc3339('2028-02-29T00:00:00Z'), Date.UTC(2028, 1, 29));
    assert.equal(new Date(parseRfc3339('0050-01-01T00:00:00Z') ?? 0).getUTCFullYear(), 50);
  });

  it('is read without an exception whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parseRfc3339(text);
        assert.ok(read === undefined || Number.isFinite(read));
      }),
    );
  });
});
