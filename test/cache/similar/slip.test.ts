import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isOneWord, isSlipOf } from '../../../src/cache/similar/slip.ts';

function eachIs(expected: boolean, pairs: string): void {
  for (const pair of pairs.trim().split(/\s+/)) {
    const [one = '', other = ''] = pair.split('/');
    assert.equal(isOneWord(one, other), expected, pair);
    assert.equal(isOneWord(other, one), expected, `${pair}, the other way round`);
  }
}

describe('isOneWord', () => {
  it('forgives swapped, missing and doubled letters of known words', () => {
    eachIs(true, 'changes/chanegs password/passsword tourist/touist nested/nesed customer/cutsomer beginning/begining');
  });

  it('takes no known word for another, however close', () => {
    eachIs(
      false,
      `casual/causal trail/trial desert/dessert county/country lined/linked hoping/hopping planing/planning
       prefect/perfect martial/marital portable/potable server/sever sparse/spare diner/dinner unite/untie
       complaint/compliant meditation/mediation decrease/decease radical/radial convert/covert escape/escapee`,
    );
  });

  it('takes no plausible form of a known word for a mistake', () => {
    eachIs(false, 'employer/employee teacher/teachers walks/walked moral/amoral typical/atypical unload/upload');
  });

  it('judges nothing where neither side is known, as with names and drugs', () => {
    eachIs(false, 'hydroxyzine/hydroxzyine kowalski/kowlaski japanese/javanese fluoxetine/fluoxeitne');
  });

  it('forgives no replaced or added letter', () => {
    eachIs(false, 'house/houke water/wateer2 ingest/invest window/windowq language/languege');
  });

  it('forgives nothing in short words and in words of number and negation', () => {
    eachIs(false, 'form/from with/wtih fifteen/fiften seventy/sevnty without/wihtout hundred/hunderd before/befroe');
  });

  it('refuses a slip that may be of two close words', () => {
    eachIs(false, 'content/contet context/contet');
  });

  it('knows British and American spelling for one', () => {
    eachIs(true, 'favourite/favorite organise/organize centre/center travelling/traveling analyse/analyze');
    eachIs(false, 'four/for advise/advice promise/prize tyre/tire');
  });
});

describe('isSlipOf', () => {
  it('lets the first letter stand, and the second where the rest could not be spoken', () => {
    assert.equal(isSlipOf('print', 'pprint'), false);
    assert.equal(isSlipOf('unmask', 'umask'), false);
    assert.equal(isSlipOf('height', 'hight'), true);
    assert.equal(isSlipOf('licence', 'ilcence'), false);
  });
});
