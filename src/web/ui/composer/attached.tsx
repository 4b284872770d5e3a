import { Icon } from '../parts/icon.tsx';
import type { ImageBlock } from './read-images.ts';

/** The images attached to the next prompt. */
export function Attached({ images, onTakeOut }: { images: ImageBlock[]; onTakeOut: (index: number) => void }) {
  if (images.length === 0) return null;
  return (
    <ul className="attached" aria-label="Images to send">
      {images.map((image, index) => (
        <li key={index}>
          <img src={`data:${image.mimeType};base64,${image.data}`} alt={`Image ${index + 1}`} />
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove image ${index + 1}`}
            onClick={() => onTakeOut(index)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
