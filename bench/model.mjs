// The demo model as a process: no contestant's event loop pays for it. Ends when its parent is gone.
import { fromDist } from './dist.mjs';

const { startDemoModel } = await fromDist('demo/demo-model.js');
const model = await startDemoModel({ keepRequests: 1 });
process.once('disconnect', () => void model.close());
process.send({ url: model.url });
