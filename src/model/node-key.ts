/** How a node of a cluster shows another one that it is of the same. */
import { hash, timingSafeEqual } from 'node:crypto';

/** Carries the cluster's key beside the authorisation of whoever asked the node first. */
export const NODE_KEY_HEADER = 'x-streamgauge-node-key';

/** It has to arrive as a header does, which with all others may have 4 KiB. */
const USABLE = /^[!-~][ -~]{14,1022}[!-~]$/;
export const USABLE_NODE_KEY =
  '16 to 1,024 printable ASCII characters, without a space at either end';

export const isUsableNodeKey = (key: string): boolean => USABLE.test(key);

/** Hashed first: a comparison in constant time needs texts of one length. What can be no key is none. */
export function isNodeKey(sent: string | null | undefined, key: string): boolean {
  if (typeof sent !== 'string') return false;
  return timingSafeEqual(digest(sent), digest(key));
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
