import { describe } from 'node:test';
import { raw, SMALL } from '../support.ts';
import { plus, refuses } from './cases.ts';

const withRelay = (relay: object): object => ({ ...SMALL, relay });

describe('options that cannot be heeded are refused', () => {
  refuses([
    {
      name: 'a version that is none',
      request: withRelay({ api_version: 'latest' }),
      field: 'relay.api_version',
      says: /2023-06-01/,
    },
    {
      name: 'a version with a line break',
      request: withRelay({ api_version: '2023-06-01\n' }),
      field: 'relay.api_version',
      says: /no version/,
    },
    {
      name: 'an empty beta',
      request: withRelay({ betas: ['a', ''] }),
      field: 'relay.betas[1]',
      says: /printable ASCII/,
    },
    {
      name: 'a beta that is two',
      request: withRelay({ betas: ['a,b'] }),
      field: 'relay.betas[0]',
      says: /without space or comma/,
    },
    {
      name: 'a beta that ends the header',
      request: withRelay({ betas: ['a\r\nx-api-key: b'] }),
      field: 'relay.betas[0]',
      says: /printable/,
    },
    { name: 'a beta beyond ASCII', request: withRelay({ betas: ['ü'] }), field: 'relay.betas[0]', says: /ASCII/ },
    {
      name: 'an endless beta',
      request: withRelay({ betas: ['b'.repeat(10_000)] }),
      field: 'relay.betas[0]',
      says: /1 to 128/,
    },
    {
      name: 'endless betas',
      request: withRelay({ betas: Array.from({ length: 10_000 }, () => '') }),
      field: 'relay.betas',
      says: /more than 64/,
    },
    {
      name: 'an endless affinity key',
      request: withRelay({ affinity_key: 'k'.repeat(513) }),
      field: 'relay.affinity_key',
      says: /512/,
    },
    { name: 'an endless region', request: withRelay({ region: 'r'.repeat(513) }), field: 'relay.region', says: /512/ },
    {
      name: 'a priority that does not exist',
      request: plus(raw.bytes(100, raw.number(3, 7))),
      field: 'relay.priority',
      says: /is 7.*PRIORITY_INTERACTIVE/,
    },
    {
      name: 'a page of none',
      operation: 'models',
      request: { limit: 0 },
      field: 'limit',
      says: /is 0; it must be from 1 to 1000/,
    },
    {
      name: 'a page of too many',
      operation: 'models',
      request: { limit: 1001 },
      field: 'limit',
      says: /from 1 to 1000/,
    },
    { name: 'a page of less than none', operation: 'models', request: { limit: -5 }, field: 'limit', says: /is -5/ },
    {
      name: 'a bad beta for the list of models',
      operation: 'models',
      request: { relay: { betas: [' '] } },
      field: 'relay.betas[0]',
      says: /printable/,
    },
    {
      name: 'a message where a list of models is asked for',
      operation: 'models',
      request: plus(),
      field: 'limit',
      says: /wire type|32 bits/,
    },
  ]);
});
