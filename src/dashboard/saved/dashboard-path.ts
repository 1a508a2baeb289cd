/** Where a saved dashboard is. */
import { pathOf } from '../kit/address.ts';

export const dashboardPath = (id: string): string => pathOf('/dashboards', { id });
