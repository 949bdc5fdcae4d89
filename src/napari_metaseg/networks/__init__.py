"""The U-Net that knows how its image was acquired, and the plain network it folds to."""
