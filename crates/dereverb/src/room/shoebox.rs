//! The room: its size, what its walls absorb, and how far its echoes are followed.

use ndarray::Array2;

use super::images::Images;
use super::{render, response};
use crate::error::{Error, Result, check_parameter, check_samples};

/// x, y, z in metres, from one corner of the room.
pub type Point = [f64; 3];

/// Parameters of a [`Room`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct RoomParams {
    /// Lengths of the sides in metres, > 0. Default 7 x 6 x 3.
    pub size: Point,
    /// Seconds in which the sound energy falls by 60 dB, by Sabine's equation; 0 for walls that absorb everything.
    /// Default 0.4. A shoebox is less diffuse than the equation takes it to be: its sound decays some 10 % faster or
    /// slower.
    pub reverberation_time: f64,
    /// Samples a second, > 0. Default 16 000.
    pub sample_rate: f64,
    /// Metres a second, > 0. Default 343.
    pub speed_of_sound: f64,
    /// Most reflections of an image. Default `None`: enough that no image nearer than
    /// `speed_of_sound` · `reverberation_time` is missed.
    pub max_order: Option<usize>,
}

impl Default for RoomParams {
    fn default() -> Self {
        Self {
            size: [7.0, 6.0, 3.0],
            reverberation_time: 0.4,
            sample_rate: 16_000.0,
            speed_of_sound: 343.0,
            max_order: None,
        }
    }
}

impl RoomParams {
    /// Sets the lengths of the sides in metres.
    pub fn size(mut self, size: Point) -> Self {
        self.size = size;
        self
    }

    /// Sets the reverberation time in seconds.
    pub fn reverberation_time(mut self, seconds: f64) -> Self {
        self.reverberation_time = seconds;
        self
    }

    /// Sets the sample rate in hertz.
    pub fn sample_rate(mut self, hertz: f64) -> Self {
        self.sample_rate = hertz;
        self
    }

    /// Sets the speed of sound in metres a second.
    pub fn speed_of_sound(mut self, speed: f64) -> Self {
        self.speed_of_sound = speed;
        self
    }

    /// Sets the largest number of reflections.
    pub fn max_order(mut self, order: usize) -> Self {
        self.max_order = Some(order);
        self
    }

    /// Checks the parameters and finds what the walls absorb.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a value out of range; [`Error::ReverberationTime`] for one that is too short for a
    /// room of this size.
    pub fn plan(self) -> Result<Room> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        for side in self.size {
            check_parameter(positive(side), "size", side, "three lengths > 0")?;
        }
        check_parameter(positive(self.sample_rate), "sample_rate", self.sample_rate, "> 0")?;
        check_parameter(positive(self.speed_of_sound), "speed_of_sound", self.speed_of_sound, "> 0")?;
        let seconds = self.reverberation_time;
        check_parameter(seconds >= 0.0 && seconds.is_finite(), "reverberation_time", seconds, ">= 0")?;
        let absorption = if seconds == 0.0 { 1.0 } else { self.absorption_of(seconds)? };
        let max_order = match self.max_order {
            // walls that absorb everything have no images
            _ if seconds == 0.0 => 0,
            Some(order) => order,
            None => self.order_of(seconds),
        };
        Ok(Room { params: self, absorption, max_order })
    }

    /// The absorption Sabine's equation asks for: 24 ln 10 · V / (c S T).
    fn absorption_of(&self, seconds: f64) -> Result<f64> {
        let [x, y, z] = self.size;
        let surface = 2.0 * (x * y + y * z + z * x);
        let least = 24.0 * std::f64::consts::LN_10 * (x * y * z) / (self.speed_of_sound * surface);
        if least > seconds {
            return Err(Error::ReverberationTime { seconds, least });
        }
        Ok(least / seconds)
    }

    /// The images up to order n fill an octahedron; this is the n whose octahedron holds the sphere of radius c T.
    fn order_of(&self, seconds: f64) -> usize {
        let [x, y, z] = self.size;
        let nearest = [(x, y), (x, z), (y, z)].map(|(a, b)| a * b / a.hypot(b));
        let nearest = nearest.into_iter().fold(f64::INFINITY, f64::min);
        (self.speed_of_sound * seconds / nearest - 1.0).ceil().max(0.0) as usize
    }
}

/// A shoebox-shaped room.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    params: RoomParams,
    absorption: f64,
    max_order: usize,
}

impl Room {
    /// The parameters of the plan.
    pub fn params(&self) -> &RoomParams {
        &self.params
    }

    /// The fraction of energy a wall absorbs, by Sabine's equation.
    pub fn absorption(&self) -> f64 {
        self.absorption
    }

    /// Most reflections of an image.
    pub fn max_order(&self) -> usize {
        self.max_order
    }

    /// Impulse responses from a source to each microphone: [microphone, sample], beginning [`LEAD`](super::LEAD)
    /// samples before the sound leaves the source.
    ///
    /// Costs about 0.2 µs an image and microphone.
    ///
    /// # Errors
    /// If there is no microphone, one of the points lies outside the room, or the source is at a microphone.
    pub fn impulse_responses(&self, source: Point, microphones: &[Point]) -> Result<Array2<f64>> {
        self.check_inside("source", 0, source)?;
        self.check_array(source, microphones)?;
        let images = Images::new(self.params.size, source, (1.0 - self.absorption).sqrt(), self.max_order);
        let samples_per_metre = self.params.sample_rate / self.params.speed_of_sound;
        Ok(response::superpose(&images, microphones, samples_per_metre))
    }

    /// What the microphones record of a `signal` played at `source`: [microphone, sample], as long as the signal.
    ///
    /// # Errors
    /// Those of [`Self::impulse_responses`], or if the signal is empty or not finite.
    pub fn render(&self, signal: &[f64], source: Point, microphones: &[Point]) -> Result<Array2<f64>> {
        render::render(signal, self.impulse_responses(source, microphones)?.view())
    }

    /// [`Self::render`] for a source on its way: at sample k · `step` of the signal it is at `path[k]`; in between,
    /// sound goes through the responses of both points, cross-faded. After the last point it stays there.
    ///
    /// # Errors
    /// Those of [`Self::render`], or if the path is empty or the step zero.
    pub fn render_moving(
        &self,
        signal: &[f64],
        path: &[Point],
        step: usize,
        microphones: &[Point],
    ) -> Result<Array2<f64>> {
        check_parameter(!signal.is_empty(), "samples of the signal", 0.0, "at least 1")?;
        check_samples(signal)?;
        check_parameter(step >= 1, "step", step as f64, "at least 1")?;
        check_parameter(!path.is_empty(), "points of the path", 0.0, "at least 1")?;
        for (index, &point) in path.iter().enumerate() {
            self.check_inside("point of the path", index, point)?;
            self.check_array(point, microphones)?;
        }
        let mut output = Array2::zeros((microphones.len(), signal.len()));
        for (index, &point) in path.iter().enumerate() {
            let Some((begin, faded)) = render::cross_faded(signal, index, path.len(), step) else { break };
            let responses = self.impulse_responses(point, microphones)?;
            render::add_rendered(&faded, begin, responses.view(), output.view_mut());
        }
        Ok(output)
    }

    fn check_array(&self, source: Point, microphones: &[Point]) -> Result<()> {
        check_parameter(!microphones.is_empty(), "microphones", 0.0, "at least 1")?;
        for (index, &microphone) in microphones.iter().enumerate() {
            self.check_inside("microphone", index, microphone)?;
            if microphone == source {
                return Err(Error::SourceAtMicrophone { index, point: source });
            }
        }
        Ok(())
    }

    fn check_inside(&self, what: &'static str, index: usize, point: Point) -> Result<()> {
        let size = self.params.size;
        // also false for NaN
        let inside = (0..3).all(|axis| point[axis] >= 0.0 && point[axis] <= size[axis]);
        if inside { Ok(()) } else { Err(Error::OutsideRoom { what, index, point, size }) }
    }
}
