import test from 'ava';
import type { Hit } from '../../src/model/visit.ts';
import { pageFields } from '../../src/web/page.ts';
import { hitOf } from './hits.ts';

const fieldsOf = (query: Readonly<Record<string, string>>, more: Partial<Hit> = {}) =>
  pageFields(hitOf({ query: new URLSearchParams(query).toString(), ...more }));

test('the page is what its address says, and of its query only the campaign', (t) => {
  const url =
    'https://shop.example/cart?token=secret&utm_source=news&utm_source_platform=mail&utm_campaign=spring#top';
  t.deepEqual(fieldsOf({ url }), {
    ...{ type: 'page_view', host: 'shop.example', path: '/cart' },
    ...{ utm_source: 'news', utm_source_platform: 'mail', utm_campaign: 'spring', source: 'news' },
  });
});

test('without an address the page is the one that shows the pixel', (t) => {
  t.like(fieldsOf({}, { page: 'https://shop.example/home?a=1' }), {
    ...{ host: 'shop.example', path: '/home' },
  });
});

test('what is said by name wins over what addresses say, and anything else is a field of its own', (t) => {
  const said = { type: 'email_open', path: '/mail/7', list: 'friends', key: 'sg_p', stream: 'x' };
  t.deepEqual(fieldsOf({ ...said, ts: '5', url: 'https://a.example/b' }), {
    ...{ type: 'email_open', host: 'a.example', path: '/mail/7', list: 'friends' },
  });
});

test('another site that had the link is the source, the site itself is none', (t) => {
  const url = 'https://shop.example/';
  const referrer = 'https://www.google.com/search?q=private';
  t.like(fieldsOf({ url, referrer }), {
    ...{ referrer: 'https://www.google.com/search', source: 'www.google.com' },
  });
  const inner = fieldsOf({ url, referrer: 'https://shop.example/cart' });
  t.is(inner['source'], undefined);
  t.is(inner['referrer'], 'https://shop.example/cart');
  t.is(fieldsOf({ url, referrer: 'no address' })['referrer'], undefined);
});

test('the language is the first that the browser accepts, unless the page says another', (t) => {
  const languages = 'de-DE,de;q=0.9';
  t.is(fieldsOf({}, { languages })['language'], 'de-DE');
  t.is(fieldsOf({ language: 'fr' }, { languages })['language'], 'fr');
});

test('of who does not want to be known nothing stays that tells who it is', (t) => {
  const said = {
    path: '/',
    user: 'u-1',
    screen: '1920x1080',
    visitor: 'v',
    device: 'd',
    country: 'DE',
    list: 'a',
  };
  const fields = fieldsOf(said, { isPrivate: true, languages: 'de' });
  t.deepEqual(fields, { type: 'page_view', path: '/', list: 'a' });
});

test('fields are few and short, whatever comes', (t) => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, 'x']));
  t.is(Object.keys(fieldsOf(many)).length, 1 + 32);
  t.like(fieldsOf({ ...many, path: '/p', referrer: 'https://news.example/a' }), {
    ...{ type: 'page_view', path: '/p', source: 'news.example', f3: 'x', f31: 'x', f32: undefined },
  });
  t.deepEqual(fieldsOf({ ['é'.repeat(64)]: 'x', ['é'.repeat(65)]: 'y' }), {
    ...{ type: 'page_view', ['é'.repeat(64)]: 'x' },
  });
  t.is(fieldsOf({ path: '/'.repeat(5_000) })['path']?.length, 1_024);
  t.deepEqual(pageFields(hitOf({ query: '%%%&=&&a=%ff&__proto__=x' })), {
    type: 'page_view',
    a: '\ufffd',
  });
});
