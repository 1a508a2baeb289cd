import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Countries } from '../../src/web/countries.ts';
import { DailySalt } from '../../src/web/salt.ts';
import { Visits } from '../../src/web/visits.ts';
import { hitOf } from './hits.ts';
import { mmdbOf } from './mmdb.ts';

function scene(t: ExecutionContext, content: Uint8Array | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-countries-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'countries.mmdb');
  if (content !== undefined) writeFileSync(file, content);
  const troubles: unknown[] = [];
  const countries = new Countries({ file, onUnread: (error) => troubles.push(error) });
  return { folder, file, countries, troubles };
}

test('a network has the country that the file tells of it', (t) => {
  const { countries, troubles } = scene(
    t,
    mmdbOf({ '192.0.2.0/24': 'DE', '198.51.0.0/16': 'FR', '203.0.113.0/25': 'JP' }),
  );
  const of = ['192.0.2.0', '198.51.100.0', '203.0.113.0', '8.8.8.0', '2001:db8:1::', '', 'x'];
  t.deepEqual(
    of.map((network) => countries.countryOf(network)),
    ['DE', 'FR', 'JP', undefined, undefined, undefined, undefined],
  );
  t.deepEqual(troubles, []);
});

test('another file is read at the next look; of what is none the old one stays', (t) => {
  const { file, countries, troubles } = scene(t, mmdbOf({ '192.0.2.0/24': 'DE' }));
  writeFileSync(file, mmdbOf({ '192.0.2.0/24': 'FR', '8.8.8.0/24': 'US' }));
  countries.look();
  t.is(countries.countryOf('192.0.2.0'), 'FR');
  writeFileSync(file, 'this is no such file');
  countries.look();
  t.is(countries.countryOf('192.0.2.0'), 'FR');
  t.is(troubles.length, 1);
  // It is told once, not at every look.
  countries.look();
  t.is(troubles.length, 1);
});

test('without a file no country is known', (t) => {
  const { countries, troubles } = scene(t, undefined);
  t.is(countries.countryOf('192.0.2.0'), undefined);
  t.is(troubles.length, 1);
});

test('a visit has its country, unless its browser asks not to be followed', (t) => {
  const { folder, countries } = scene(t, mmdbOf({ '192.0.2.0/24': 'DE' }));
  const onUnwritten = (error: unknown) => {
    throw error;
  };
  const salt = new DailySalt({ file: join(folder, 'salt'), onUnwritten });
  const visits = new Visits(salt, { now: () => 0 }, countries);
  t.is(visits.fieldsOf(hitOf()).country, 'DE');
  t.is(visits.fieldsOf(hitOf({ isPrivate: true })).country, undefined);
  t.is(visits.fieldsOf(hitOf({ network: '8.8.8.0' })).country, undefined);
});
