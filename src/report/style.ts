/** The style sheet of the report's page; no fonts or images from elsewhere. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6875; --line: #d5dae0; --paper: #fff; --ita: #2f6db5;
  --dma: #c47f17; --harts: #2f8f62; --asleep: #c9ced5; --pipeline: #8a6fc0; --fetch: #b85c8e; --tcdm: #c0504d;
  --dram: #d98f4e; --device: #7f8b99; --energy: #4a7a9c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7ec; --soft: #9aa5b1; --line: #3a424c; --paper: #171b20; --asleep: #454d57; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 960px;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { margin-top: 2em; border-bottom: 1px solid var(--line); } h3 { margin-top: 1.6em; }
dl { display: grid; grid-template-columns: max-content auto; gap: .2em 1.2em; } dt { color: var(--soft); } dd { margin: 0; }
p, li { max-width: 46em; } .soft, figcaption { color: var(--soft); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6em 0; }
th, td { padding: .15em .8em; text-align: right; border-bottom: 1px solid var(--line); }
th, td { white-space: nowrap; } th.left, td.left { text-align: left; } thead th { border-bottom: 2px solid var(--line); }
.scroll { overflow-x: auto; } figure { margin: 1em 0; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: currentColor; }
text.end { text-anchor: end; } text.middle { text-anchor: middle; } text.note { fill: var(--soft); }
line.grid { stroke: var(--line); } line.roof { stroke: var(--ita); stroke-width: 2; } line.whisker { stroke: var(--ink); }
.ita { fill: var(--ita); background: var(--ita); } .dma { fill: var(--dma); background: var(--dma); }
.harts { fill: var(--harts); background: var(--harts); } .asleep { fill: var(--asleep); background: var(--asleep); }
.between { fill: var(--device); background: var(--device); } .energy { fill: var(--energy); background: var(--energy); }
.pipeline { fill: var(--pipeline); background: var(--pipeline); } .fetch { fill: var(--fetch); background: var(--fetch); }
.tcdm { fill: var(--tcdm); background: var(--tcdm); } .dram { fill: var(--dram); background: var(--dram); }
.device { fill: var(--device); background: var(--device); }
.point { fill: var(--ita); fill-opacity: .5; stroke: var(--ita); } .total { fill: var(--tcdm); stroke: var(--ink); }
.legend { max-width: none; } .legend span { display: inline-block; margin-right: 1.2em; } .legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.timeline svg { cursor: grab; user-select: none; touch-action: none; } .timeline svg:focus { outline: 1px solid var(--soft); }
.timeline .step { stroke: var(--paper); stroke-width: .5; } .timeline .track { fill: var(--asleep); fill-opacity: .35; }
.timeline output { display: block; min-height: 3em; color: var(--soft); }
button, select { font: inherit; }
`;
