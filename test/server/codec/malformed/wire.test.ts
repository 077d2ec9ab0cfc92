import { describe } from 'node:test';
import { raw } from '../support.ts';
import { IN_TURN, plus, refuses, turn } from './cases.ts';

describe('numbers that do not fit are refused', () => {
  refuses([
    { name: 'a temperature that is NaN', request: plus(raw.double(17, NaN)), field: 'temperature', says: /finite/ },
    {
      name: 'a top_p that is infinite',
      request: plus(raw.double(18, -Infinity)),
      field: 'top_p',
      says: /is -Infinity/,
    },
    {
      name: 'a max_tokens beyond 32 bits',
      request: plus(raw.number(2, 2 ** 32 + 1)),
      field: 'max_tokens',
      says: /4294967297; it must fit/,
    },
    {
      name: 'a number of eleven bytes',
      request: plus(raw.tag(2, 0), Buffer.alloc(10, 0x80), Buffer.of(1)),
      field: 'max_tokens',
      says: /64 bits/,
    },
    {
      name: 'a number of 65 bits',
      request: plus(raw.tag(2, 0), Buffer.alloc(9, 0xff), Buffer.of(2)),
      field: 'max_tokens',
      says: /64 bits/,
    },
    { name: 'a tag of 33 bits', request: plus(Buffer.of(0x88, 0x80, 0x80, 0x80, 0x10, 0)), field: '', says: /32 bits/ },
    {
      name: 'a length of six bytes',
      request: plus(Buffer.of(0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0, 0x61)),
      field: 'model',
      says: /32 bits/,
    },
    {
      name: 'a length of 4 GiB',
      request: plus(raw.tag(1, 2), raw.varint(2 ** 32 - 1)),
      field: 'model',
      says: /cut off/,
    },
    {
      name: 'a list item of 2 GiB',
      request: plus(raw.tag(3, 2), raw.varint(2 ** 31), Buffer.of(0x0a)),
      field: 'messages[1]',
      says: /cut off/,
    },
  ]);
});

describe('bytes that are not of this proto are refused', () => {
  refuses([
    {
      name: 'a field that the proto does not have',
      request: plus(raw.number(999, 1)),
      field: '',
      says: /number 999.*CompleteRequest.*`extra`/,
    },
    {
      name: 'an unknown field in a block',
      request: turn(raw.bytes(1, raw.bytes(1, 'a'), raw.bytes(9, 'b'))),
      field: `${IN_TURN}.text`,
      says: /number 9.*TextBlock/,
    },
    {
      name: 'a kind that the proto does not have',
      request: turn(raw.bytes(77, 'b')),
      field: IN_TURN,
      says: /number 77.*ContentBlock/,
    },
    {
      name: 'a relay option that the proto does not have',
      request: plus(raw.bytes(100, raw.number(99, 1))),
      field: 'relay',
      says: /number 99.*RelayOptions[^`]*update the relay/,
    },
    { name: 'field number 0', request: plus(Buffer.of(0x02, 0)), field: '', says: /number 0.*is it protobuf/ },
    {
      name: 'the highest field number',
      request: plus(raw.number(2 ** 29 - 1, 1)),
      field: '',
      says: /number 536870911/,
    },
    { name: 'a group', request: plus(raw.tag(6, 3), raw.tag(6, 4)), field: 'metadata', says: /wire type 3/ },
    { name: 'the end of no group', request: plus(raw.tag(6, 4)), field: 'metadata', says: /wire type 4/ },
    { name: 'a wire type that does not exist', request: plus(raw.tag(1, 7)), field: 'model', says: /wire type 7/ },
    {
      name: 'a model that is a number',
      request: plus(raw.number(1, 5)),
      field: 'model',
      says: /wire type 0 where its type needs 2/,
    },
    {
      name: 'a max_tokens that is a string',
      request: plus(raw.bytes(2, '5')),
      field: 'max_tokens',
      says: /wire type 2/,
    },
    {
      name: 'a temperature of 32 bits',
      request: plus(raw.tag(17, 5), Buffer.alloc(4)),
      field: 'temperature',
      says: /wire type 5/,
    },
    {
      name: 'JSON instead of protobuf',
      request: Buffer.from('{"model":"m"}'),
      field: 'container',
      says: /wire type 3/,
    },
    {
      name: 'a model in Latin-1',
      request: plus(raw.bytes(1, Buffer.of(0x66, 0xfc, 0x72))),
      field: 'model',
      says: /not valid UTF-8/,
    },
    {
      name: 'a surrogate in UTF-8',
      request: turn(raw.bytes(1, raw.bytes(1, Buffer.of(0xed, 0xa0, 0xbd)))),
      field: `${IN_TURN}.text.text`,
      says: /not valid UTF-8/,
    },
  ]);
});
