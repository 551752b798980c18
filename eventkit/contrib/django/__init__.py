"""For sites made with Django: consumers in its settings (`registry`)."""
