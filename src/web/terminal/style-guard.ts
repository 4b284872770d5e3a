/**
 * The page's policy forbids inline styles, both elements and attributes, and xterm creates both. While xterm opens, style
 * elements are replaced by stand-ins that fill a constructed sheet. Afterwards, a span that is given a style attribute
 * gets the same properties through the CSSOM. The policy allows both.
 */
export interface StyleGuard {
  /** No style element is created inside `during`. */
  during(work: () => void): void;
  remove(): void;
}

let openGuards = 0;

export function createStyleGuard(): StyleGuard {
  const sheets = new Set<CSSStyleSheet>();
  openGuards += 1;
  if (openGuards === 1) Object.defineProperty(HTMLSpanElement.prototype, 'setAttribute', spanAttributes);

  function standIn(): HTMLElement {
    const element = Document.prototype.createElement.call(document, 'span');
    element.hidden = true;
    const sheet = new CSSStyleSheet();
    sheets.add(sheet);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    Object.defineProperty(element, 'textContent', {
      set(css: string) {
        sheet.replaceSync(css);
      },
    });
    return element;
  }

  return {
    during(work) {
      const value = (name: string): HTMLElement =>
        name === 'style' ? standIn() : Document.prototype.createElement.call(document, name);
      Object.defineProperty(document, 'createElement', { configurable: true, value });
      try {
        work();
      } finally {
        Reflect.deleteProperty(document, 'createElement');
      }
    },
    remove() {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => !sheets.has(sheet));
      openGuards -= 1;
      if (openGuards === 0) Reflect.deleteProperty(HTMLSpanElement.prototype, 'setAttribute');
    },
  };
}

const spanAttributes: PropertyDescriptor = {
  configurable: true,
  value(this: HTMLSpanElement, name: string, value: string) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  },
};
