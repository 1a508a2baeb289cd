import test from 'ava';
import { acceptsGzip } from '../../src/model/accepts-gzip.ts';

test('gzip is for those who say that they read it', (t) => {
  for (const header of ['gzip', 'br, gzip', 'deflate, GZIP;q=0.5', 'gzip ; q=1', 'gzip;q=0.01']) {
    t.true(acceptsGzip(header), header);
  }
  for (const header of ['', 'br', 'x-gzipped', 'gzip;q=0', 'br, gzip; q=0.000', 'identity']) {
    t.false(acceptsGzip(header), header);
  }
});
