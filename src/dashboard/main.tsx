/** Where the page begins. */
import { render } from 'preact';
import { Shared } from './dashboards/shared.tsx';
import { SHARED_PATH } from './dashboards/shared-link.ts';
import { App } from './frame/app.tsx';
import { applyTheme, storedTheme } from './kit/theme.ts';
import 'uplot/dist/uPlot.min.css';
import './kit/tokens.css';
import './kit/style.css';
import './frame/frame.css';
import './kit/parts.css';
import './chart/charts.css';
import './kit/choices.css';
import './overview/overview.css';
import './explore/explore.css';
import './events/events.css';
import './alarms/alarms.css';
import './dashboards/dashboards.css';

applyTheme(storedTheme());
const page = document.querySelector('#page');
if (page === null) throw new Error('index.html has no element "page"');
render(location.pathname === SHARED_PATH ? <Shared /> : <App />, page);
