/**
 * The page's policy allows no inline style, neither as an element nor as an attribute; xterm makes both. So it is handed a
 * document whose style elements are stand-ins that fill a constructed sheet, and whose spans set their style by its rules
 * and not by its text. Both are the page's own script at work, which the policy allows.
 */
export interface StyleGuard {
  document: Document;
  remove(): void;
}

export function createStyleGuard(real: Document): StyleGuard {
  const sheets = new Set<CSSStyleSheet>();

  function standIn(): HTMLElement {
    const element = real.createElement('span');
    element.hidden = true;
    const sheet = new CSSStyleSheet();
    sheets.add(sheet);
    real.adoptedStyleSheets = [...real.adoptedStyleSheets, sheet];
    Object.defineProperty(element, 'textContent', {
      set(css: string) {
        sheet.replaceSync(css);
      },
    });
    return element;
  }

  function withoutStyleText(element: HTMLElement): HTMLElement {
    const setAttribute = element.setAttribute.bind(element);
    element.setAttribute = (name, value) => {
      if (name === 'style') element.style.cssText = value;
      else setAttribute(name, value);
    };
    return element;
  }

  const createElement = (name: string): HTMLElement => {
    if (name === 'style') return standIn();
    const element = real.createElement(name);
    return name === 'span' ? withoutStyleText(element) : element;
  };
  const guarded = new Proxy(real, {
    get(target, property) {
      if (property === 'createElement') return createElement;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  });
  return {
    document: guarded,
    remove() {
      real.adoptedStyleSheets = real.adoptedStyleSheets.filter((sheet) => !sheets.has(sheet));
    },
  };
}
