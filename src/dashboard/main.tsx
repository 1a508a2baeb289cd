/** Where the page begins. */
import { render } from 'preact';
import { App } from './app.tsx';
import { Shared } from './shared.tsx';
import { SHARED_PATH } from './shared-link.ts';
import { applyTheme, storedTheme } from './theme.ts';
import 'uplot/dist/uPlot.min.css';
import './tokens.css';
import './style.css';
import './frame.css';
import './parts.css';
import './charts.css';
import './choices.css';
import './explore.css';
import './events.css';
import './alarms.css';
import './dashboards.css';

applyTheme(storedTheme());
const page = document.querySelector('#page');
if (page === null) throw new Error('index.html has no element "page"');
render(location.pathname === SHARED_PATH ? <Shared /> : <App />, page);
